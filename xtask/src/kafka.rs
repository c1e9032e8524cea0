//! Apache Kafka as a peer: one node in `KRaft` mode, from the jars that Maven fetched into `.tools/kafka/lib`.
//!
//! It is started as `kafka-server-start.sh` does: the same heap and collector, and the values of the
//! `server.properties` that Kafka ships, on ports of its own on loopback. Its data directory is formatted first.

use crate::server::{self, Server, Settings};
use crate::{process, tools};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `kafka-server-start.sh` gives the virtual machine: `KAFKA_HEAP_OPTS` and `KAFKA_JVM_PERFORMANCE_OPTS`.
const JVM_OPTIONS: &[&str] = &[
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// The settings that Kafka ships for a single node; addresses and directories come before them.
const PROPERTIES: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
num.partitions=1
num.recovery.threads.per.data.dir=2
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

/// What conformance runs need beside them: access rules can be kept, everybody may do everything without any, and a
/// group does not wait for more members before its first assignment.
pub const FOR_CONFORMANCE: &[(&str, &str)] = &[
    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("super.users", "User:ANONYMOUS"),
    ("allow.everyone.if.no.acl.found", "true"),
    ("group.initial.rebalance.delay.ms", "0"),
];

/// What a start changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Properties that come after the shipped ones.
    pub properties: &'a [(&'a str, &'a str)],
    /// A second listener for clients, with passwords.
    pub sasl: Option<&'a Sasl<'a>>,
}

/// A listener that asks for a password by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, without TLS.
#[derive(Debug, Clone, Copy)]
pub struct Sasl<'a> {
    /// Its port on loopback.
    pub port: u16,
    /// The only user.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
}

impl Sasl<'_> {
    fn properties(&self) -> String {
        let Self { user, password, .. } = self;
        let name = "listener.name.sasl_plaintext";
        let module = "sasl.jaas.config=org.apache.kafka.common.security";
        format!(
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             {name}.plain.{module}.plain.PlainLoginModule required user_{user}=\"{password}\";\n\
             {name}.scram-sha-256.{module}.scram.ScramLoginModule required;\n\
             {name}.scram-sha-512.{module}.scram.ScramLoginModule required;\n"
        )
    }

    /// The credentials as the tool that formats a data directory takes them.
    fn credentials(&self) -> [String; 4] {
        let of = |mechanism| format!("{mechanism}=[name={},password={}]", self.user, self.password);
        ["--add-scram".into(), of("SCRAM-SHA-256"), "--add-scram".into(), of("SCRAM-SHA-512")]
    }
}

/// The programs that the peer and Kafka's own tools need.
pub const PROGRAMS: &[&str] = &["java", "javac", "mvn"];

/// Where the scripts, the settings of logging and `pom.xml` are.
pub fn folder() -> PathBuf {
    process::repository().join("conformance/streams/java")
}

/// Where Maven puts classes and jars.
pub fn room() -> PathBuf {
    process::tools_dir().join(tools::JAVA.room)
}

/// Fetches Kafka's jars and compiles the checks, unless nothing changed since that was done; says what is missing.
pub fn fetch() -> Result<()> {
    if let Some(program) = PROGRAMS.iter().find(|program| !process::installed(program)) {
        bail!("{program} is not installed; on Debian: apt install default-jdk-headless maven");
    }
    tools::fetch_packages(&tools::JAVA, &folder())
}

/// A virtual machine with Kafka's jars and the compiled checks in its path; the class to run follows.
pub fn java() -> Command {
    let mut command = Command::new("java");
    command.args(class_path());
    command
}

fn class_path() -> [String; 3] {
    let (room, logging) = (room(), folder().join("log4j2.properties"));
    [
        format!("-Dlog4j2.configurationFile={}", logging.display()),
        "-cp".into(),
        format!("{0}/classes:{0}/lib/*", room.display()),
    ]
}

/// Formats `data`, starts a node on it and waits until it accepts connections.
pub fn start(data: &Path, settings: &Settings, options: &Options<'_>) -> Result<Server> {
    let (command, port) = prepare(data, settings, options)?;
    server::start(command, port, settings)
}

/// Formats `data` for a node; the command that starts it, and the port of loopback where it will listen.
pub fn prepare(data: &Path, settings: &Settings, options: &Options<'_>) -> Result<(Command, u16)> {
    fetch()?;
    std::fs::create_dir_all(data)?;
    let [port, controller] = server::free_ports()?;
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{port}");
    if let Some(sasl) = options.sasl {
        write!(listeners, ",SASL_PLAINTEXT://127.0.0.1:{}", sasl.port)?;
    }
    let mut text = format!(
        "listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={listeners}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={}\n{PROPERTIES}",
        data.join("log").display()
    );
    for (name, value) in options.properties {
        writeln!(text, "{name}={value}")?;
    }
    text.extend(options.sasl.map(Sasl::properties));
    let file = data.join("server.properties");
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    format(&file, options.sasl)?;
    let mut command = server::pinned(Path::new("java"), settings);
    command.args(JVM_OPTIONS).arg("-Dlog.level=warn").args(class_path()).arg("kafka.Kafka").arg(&file);
    Ok((command, port))
}

fn format(properties: &Path, sasl: Option<&Sasl<'_>>) -> Result<()> {
    let tool = || {
        let mut command = java();
        command.arg("kafka.tools.StorageTool");
        command
    };
    let id = process::output(tool().arg("random-uuid"))?;
    let mut command = tool();
    command.args(["format", "-t", id.trim(), "-c"]).arg(properties);
    process::output(command.args(sasl.iter().flat_map(|sasl| sasl.credentials())))?;
    Ok(())
}
