"""Firefox, spoken to in WebDriver BiDi over its own port: Debian's is not one that Playwright can drive."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import websocket

# Nothing is asked for but the pages: no updates, no lists, no probing of the network. Everything else is refused.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox:
    """A headless Firefox with one page: `said` is what its console said, `requests` what the page asked for."""

    def __init__(self, program: str, profile: Path):
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self.log = (profile / "log").open("w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.number, self.said, self.requests = 0, [], []
        try:
            self.socket = websocket.create_connection(f"{self._address()}/session", timeout=60, suppress_origin=True)
            self.send("session.new", capabilities={})
            self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]
            self.send("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        except BaseException:
            self.process.kill()
            raise

    def _address(self) -> str:
        """Where it listens, which it says when it is ready."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            self.log.seek(0)
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", self.log.read()):
                return found[1]
            time.sleep(0.1)
        raise AssertionError("Firefox does not listen")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; what happens in the meantime is kept."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            self._keep(answer)
        assert answer["type"] == "success", answer
        return answer["result"]

    def _keep(self, event: dict[str, Any]) -> None:
        if event.get("method") == "log.entryAdded":
            self.said.append(f"{event['params']['level']}: {event['params']['text']}")
        elif event.get("method") == "network.beforeRequestSent":
            self.requests.append(event["params"]["request"]["url"])

    def resize(self, width: int, height: int = 800) -> None:
        self.send("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def open(self, url: str) -> None:
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, code: str) -> Any:
        """What an expression of JavaScript gives, as JSON."""
        value, error = self._evaluated(code)
        assert error is None, error
        return value

    def _evaluated(self, code: str) -> tuple[Any, str | None]:
        """The value, or what is wrong with the expression."""
        wrapped = f"Promise.resolve({code}).then((value) => JSON.stringify(value ?? null))"
        found = self.send("script.evaluate", expression=wrapped, target={"context": self.context}, awaitPromise=True)
        if found["type"] != "success":
            return None, found["exceptionDetails"]["text"]
        return json.loads(found["result"]["value"]), None

    def eventually(self, code: str, timeout: float = 30) -> None:
        """Wait until the expression is true; what it asks for may not be on the page yet."""
        deadline = time.monotonic() + timeout
        while True:
            value, error = self._evaluated(code)
            if value:
                return
            assert time.monotonic() < deadline, f"not so after {timeout} s: {code}: {error}"
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press and release each of `keys`."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": actions}]
        self.send("input.performActions", context=self.context, actions=actions)

    def screenshot(self) -> str:
        """A PNG in base64."""
        return self.send("browsingContext.captureScreenshot", context=self.context)["data"]

    def close(self) -> None:
        try:
            self.send("browser.close")
            self.process.wait(20)
        finally:
            self.process.kill()
            self.socket.close()
            self.log.close()
