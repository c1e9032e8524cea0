//! Instances behind a gateway, and what is done to both: the document that the gateway gets, registrations, waiting until all
//! is well.
//!
//! The same instances stand behind two services: one that names them in the document, and one at which they register. A load
//! asks both, so that each trouble is one of both.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::instance::{Instance, Program, Settings};
use super::load::exchange;

/// The login of a fresh node on loopback, as HTTP Basic has it.
const AUTHORIZATION: &str = "Basic Ym9sZTpib2xlYm9sZQ==";
/// Nothing takes longer, if it works.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the services are set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The balancer's algorithm.
    pub algorithm: String,
    /// How long an instance may take until its first byte.
    pub first_byte: Duration,
    /// Instances at the start.
    pub instances: usize,
    /// Requests that each works on at a time.
    pub workers: usize,
    /// For so long.
    pub work: Duration,
}

/// A gateway with instances behind it.
pub struct Stage {
    /// Where the gateway takes requests.
    pub gateway: SocketAddr,
    /// Where its node is administered.
    pub admin: SocketAddr,
    /// How instances are set up.
    pub setup: Setup,
    /// Those that run, by name.
    pub instances: BTreeMap<String, Instance>,
    /// Those that were killed and are to come back, with their addresses.
    pub down: Vec<(String, SocketAddr)>,
    program: Program,
    draining: Vec<String>,
    changes: usize,
}

impl Stage {
    /// Starts the instances and gives the gateway its document.
    ///
    /// # Errors
    /// An instance does not start, the document is refused, or not all instances become well.
    pub fn open(
        (gateway, admin): (SocketAddr, SocketAddr),
        program: Program,
        setup: Setup,
    ) -> io::Result<Self> {
        let (instances, down) = (BTreeMap::new(), Vec::new());
        let mut stage =
            Self { gateway, admin, setup, instances, down, program, draining: Vec::new(), changes: 0 };
        for number in 0..stage.setup.instances {
            stage.start_instance(&format!("i{number}"), None)?;
        }
        stage.apply()?;
        for name in stage.names() {
            stage.register(&name)?;
        }
        stage.wait_until_well()?;
        Ok(stage)
    }

    /// Names of the instances that run.
    pub fn names(&self) -> Vec<String> {
        self.instances.keys().cloned().collect()
    }

    /// The paths of both services.
    pub fn paths() -> Vec<String> {
        vec!["/written".to_owned(), "/registered".to_owned()]
    }

    /// Starts an instance; nobody is told of it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_instance(&mut self, name: &str, listen: Option<SocketAddr>) -> io::Result<()> {
        let settings = Settings {
            name: name.to_owned(),
            listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            workers: self.setup.workers,
            work: self.setup.work,
        };
        let instance = self.program.start(&settings)?;
        self.instances.insert(name.to_owned(), instance);
        Ok(())
    }

    /// Takes an instance out of what is kept of them; who calls it ends it.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn take(&mut self, name: &str) -> io::Result<Instance> {
        self.instances.remove(name).ok_or_else(|| io::Error::other(format!("no instance {name} runs")))
    }

    /// An instance of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn instance(&self, name: &str) -> io::Result<&Instance> {
        self.instances.get(name).ok_or_else(|| io::Error::other(format!("no instance {name} runs")))
    }

    /// Kills an instance and leaves it in the document and in the registry; where it listened.
    ///
    /// # Errors
    /// It does not run.
    pub fn crash(&mut self, name: &str) -> io::Result<SocketAddr> {
        let instance = self.take(name)?;
        let address = instance.address;
        instance.kill()?;
        Ok(address)
    }

    /// Starts those again that were killed, where they were, and waits until they are well.
    ///
    /// # Errors
    /// One does not start, or is not found well.
    pub fn bring_back(&mut self) -> io::Result<()> {
        for (name, address) in std::mem::take(&mut self.down) {
            self.start_instance(&name, Some(address))?;
        }
        self.wait_until_well()
    }

    /// Gives the gateway the document of the instances as they are now. Each time something of each service is another.
    ///
    /// # Errors
    /// It is refused.
    pub fn apply(&mut self) -> io::Result<()> {
        self.changes += 1;
        let document = self.document();
        self.admin("PUT", "/api/gateway/document", &document).map(drop)
    }

    fn document(&self) -> String {
        let listed = self.instances.iter().map(|(name, instance)| {
            let drain = self.draining.contains(name);
            format!("{{ address = \"{}\", drain = {drain} }}", instance.address)
        });
        let listed: Vec<String> = listed.collect();
        let Setup { algorithm, first_byte, .. } = &self.setup;
        let by_key = ["ring-hash", "maglev", "bounded-load"].contains(&algorithm.as_str());
        let key = if by_key { ", key = { header = \"x-key\" }" } else { "" };
        // The time to connect is the part that changes, so that both services are made anew with each document.
        let (connect_ms, first_byte_ms) = (500 + self.changes, first_byte.as_millis());
        let settings = format!(
            "balance = {{ algorithm = \"{algorithm}\"{key} }}\n\
             timeouts = {{ connect = \"{connect_ms}ms\", first_byte = \"{first_byte_ms}ms\" }}\n\
             retries = {{ attempts = 2, budget_per_second = 20.0 }}\n\
             health = {{ probe = {{ http = {{ path = \"/-/healthz\" }} }}, interval = \"500ms\", timeout = \"500ms\", rise = 1, fall = 2 }}\n\
             ejection = {{ base = \"2s\" }}\n"
        );
        format!(
            "[services.written]\ninstances = [{}]\n{settings}\n[services.registered]\nregistry = true\n{settings}\n\
             [routes.written]\npath = \"/written\"\nservice = \"written\"\n\
             [routes.registered]\npath = \"/registered\"\nservice = \"registered\"\n",
            listed.join(", ")
        )
    }

    /// Registers an instance that runs.
    ///
    /// # Errors
    /// It is refused.
    pub fn register(&self, name: &str) -> io::Result<()> {
        let address = self.instance(name)?.address;
        let body = format!("{{\"address\":\"{address}\",\"lease\":\"1h\"}}");
        self.admin("PUT", &format!("/api/registry/registered/{name}"), &body).map(drop)
    }

    /// Takes a registration back.
    ///
    /// # Errors
    /// It is refused.
    pub fn deregister(&self, name: &str) -> io::Result<()> {
        self.admin("DELETE", &format!("/api/registry/registered/{name}"), "").map(drop)
    }

    /// Lets an instance drain, by its registration and in the document, or ends that.
    ///
    /// # Errors
    /// It is refused.
    pub fn drain(&mut self, name: &str, drain: bool) -> io::Result<()> {
        self.draining.retain(|other| other != name);
        if drain {
            self.draining.push(name.to_owned());
        }
        self.apply()?;
        let method = if drain { "PUT" } else { "DELETE" };
        self.admin(method, &format!("/api/registry/registered/{name}/drain"), "").map(drop)
    }

    /// Returns when a draining instance has no request under way, as the gateway and as itself say.
    ///
    /// # Errors
    /// That never comes.
    pub fn wait_until_idle(&self, name: &str) -> io::Result<()> {
        let address = self.instance(name)?.address.to_string();
        let drains = |status: &Endpoint| status.condition == "draining" && status.in_flight == 0;
        self.wait("an instance has drained", |services| {
            let of = |service: &[Endpoint]| {
                service.iter().find(|endpoint| endpoint.name == address).is_some_and(drains)
            };
            services.iter().all(|service| of(service))
        })?;
        let (_, busy) = self.instance(name)?.served()?;
        if busy == 0 {
            Ok(())
        } else {
            Err(io::Error::other(format!("{name} still works on {busy} requests")))
        }
    }

    /// Returns when the gateway knows each instance that runs, no other, and all are well.
    ///
    /// # Errors
    /// That never comes.
    pub fn wait_until_well(&self) -> io::Result<()> {
        let mut running: Vec<String> =
            self.instances.values().map(|instance| instance.address.to_string()).collect();
        running.sort_unstable();
        self.wait("all instances are well", |services| {
            services.iter().all(|endpoints| {
                let mut well: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
                well.sort_unstable();
                well == running && endpoints.iter().all(|endpoint| endpoint.condition == "well")
            })
        })
    }

    fn wait(&self, what: &str, holds: impl Fn(&[Vec<Endpoint>]) -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.admin("GET", "/api/gateway/status", "")?;
            let services = ["written", "registered"].map(|service| Endpoint::of(service, &text));
            if holds(&services) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("waited in vain until {what}: {text}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn admin(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let kind = if path.ends_with("/document") { "application/toml" } else { "application/json" };
        let fields = [("authorization", AUTHORIZATION), ("content-type", kind)];
        let (status, answer) = exchange(self.admin, method, path, &fields, body)?;
        if status < 300 {
            Ok(answer)
        } else {
            Err(io::Error::other(format!("{method} {path}: {status}: {answer}")))
        }
    }
}

/// An instance as the gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    name: String,
    condition: String,
    in_flight: u64,
}

impl Endpoint {
    /// Those of a service in the gateway's status, whose form is known: no value in it has a brace or a bracket.
    fn of(service: &str, status: &str) -> Vec<Self> {
        let mark = format!("\"{service}\":{{\"endpoints\":[");
        let list = status.split(&mark).nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
        let field = |object: &str, name: &str| {
            let value = object.split(&format!("\"{name}\":")).nth(1).unwrap_or_default();
            value.split(',').next().unwrap_or_default().trim_matches(['"', '}']).to_owned()
        };
        let endpoint = |object: &str| Self {
            name: field(object, "name"),
            condition: field(object, "condition"),
            in_flight: field(object, "in_flight").parse().unwrap_or(u64::MAX),
        };
        list.split('{').skip(1).map(endpoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read() {
        let text = r#"{"problems":[],"routes":2,"services":{"registered":{"endpoints":[]},"written":{"endpoints":[
            {"condition":"well","error_rate":0.0,"in_flight":2,"latency_ms":1.5,"name":"127.0.0.1:1","weight":1.0},{"condition":"draining","error_rate":0.0,"in_flight":0,"latency_ms":1.5,"name":"127.0.0.1:2","weight":1.0}]}}}"#;
        let endpoint = |name: &str, condition: &str, in_flight| Endpoint {
            name: name.to_owned(),
            condition: condition.to_owned(),
            in_flight,
        };
        assert_eq!(Endpoint::of("registered", text), []);
        assert_eq!(
            Endpoint::of("written", text),
            [endpoint("127.0.0.1:1", "well", 2), endpoint("127.0.0.1:2", "draining", 0)]
        );
    }
}
