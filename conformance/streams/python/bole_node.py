"""A Bole node for one script: in a folder, on free ports of 127.0.0.1. BOLE_BINARY names the program."""

import os
import socket
import subprocess
import time


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Node:
    def __init__(self, folder, *settings):
        self.folder, self.settings = folder, settings
        self.ports = {service: free_port() for service in ("admin", "blobs", "dns", "gateway", "keyspace", "schemas", "sql", "streams")}
        self.start()

    def start(self):
        values = [f"{service}.listen=127.0.0.1:{port}" for service, port in self.ports.items()]
        values += ["journal.reserve_bytes=0B", *self.settings]
        flags = [flag for value in values for flag in ("--set", value)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("BOLE_")}
        with open(os.path.join(self.folder, "node.log"), "a") as log:
            self.child = subprocess.Popen([os.environ["BOLE_BINARY"], "serve", "--data", os.path.join(self.folder, "data"),
                                           *flags], stdout=log, stderr=log, env=env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                for port in self.ports.values():
                    socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(self.folder, "node.log")) as log:
            raise SystemExit(f"the node does not start:\n{log.read()[-2000:]}")

    def end(self, with_signal):
        self.child.send_signal(with_signal)
        self.child.wait(30)
