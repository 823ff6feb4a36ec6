"""Who may come in: students on the list, at first with the class password, and from then on with one of their own.

The page of the login has three fields: the name, a password that the student chooses, and the class password, which is
asked for only once. So nobody can come in as somebody else who has been here before.
"""

import asyncio
import dbm
import hashlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from firstuseauthenticator import FirstUseAuthenticator
from traitlets import default

from gptcore.classroom.folder import class_folder
from gptcore.classroom.password import FILE as CLASS_PASSWORD
from gptcore.classroom.password import LONGEST, is_class_password, is_readable
from gptcore.classroom.students import PASSWORDS, is_name, normalized, students, with_password
from gptcore.language import _

ROUNDS = 10  # of bcrypt, the fewest that OWASP accepts: with 12 the hub's first minute is spent on hashes
PAUSE = 1  # seconds after a wrong password: who guesses has to wait


class ClassAuthenticator(FirstUseAuthenticator):
    """FirstUseAuthenticator, behind a list and a class password."""

    any_allow_config = True
    request_otp = True  # a third field, which is here the class password

    def __init__(self, **settings):
        super().__init__(**settings)
        # A hash takes time: in a thread of its own, the hub answers others meanwhile.
        self._hashing = ThreadPoolExecutor(1)
        self._right = None  # what was asked when somebody knew the class password
        self._attempts = defaultdict(asyncio.Lock)

    @default("otp_prompt")
    def _default_otp_prompt(self):
        return _("Class password (only the first time):")

    @default("dbm_path")
    def _default_dbm_path(self):
        return str(class_folder() / PASSWORDS)

    @default("min_password_length")
    def _default_min_password_length(self):
        return 8

    @default("allow_all")
    def _default_allow_all(self):
        return False

    def normalize_username(self, username):
        return normalized(username)

    def validate_username(self, name):
        return is_name(name)

    def check_allowed(self, username, authentication=None):
        return username in students()

    async def refresh_user(self, user, handler=None):
        """Whoever was taken off the list is logged out."""
        return user.name in students()

    async def authenticate(self, handler, data):
        """The student's name, or None. Attempts at one name come one after another, and a wrong one waits."""
        name = self.normalize_username(data.get("username", ""))
        if name not in students():
            handler.custom_login_error = self._refusal()
            await asyncio.sleep(PAUSE)
            return None
        async with self._attempts[name]:
            run = asyncio.get_running_loop().run_in_executor
            handler.custom_login_error = await run(self._hashing, self._problem, handler, name, data)
            if not handler.custom_login_error:
                return name
            await asyncio.sleep(PAUSE)
        return None

    def _problem(self, handler, name: str, data: dict[str, str]) -> str:
        """What keeps this student from coming in; nothing after a right password, or one that could be chosen."""
        password = data.get("password", "")
        if name not in with_password():
            if not self._is_class_password(data.get("otp") or ""):
                return self._refusal()
            if unusable := self._unusable(password, password == data["otp"]):
                return unusable
            return self._keep(name, password)
        if not is_readable(password):
            return self._refusal()
        found = asyncio.run(super().authenticate(handler, {"username": name, "password": password}))
        return "" if found == name else self._refusal()

    def _keep(self, name: str, password: str) -> str:
        """Choose a password, of which the hash is kept: as FirstUseAuthenticator does, but thirty need not wait."""
        with dbm.open(self.dbm_path, "c", 0o600) as passwords:
            passwords[name.encode()] = bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS))
        return ""

    def _unusable(self, password: str, is_class_password: bool) -> str:
        """Why nobody can have this password."""
        if len(password) < self.min_password_length or not is_readable(password):
            said = _("Choose a password of {least} characters or more, and {most} bytes at most.")
            return said.format(least=self.min_password_length, most=LONGEST)
        if is_class_password:
            return _("Everybody knows the class password: choose another one for yourself.")
        return ""

    def _is_class_password(self, given: str) -> bool:
        """As `is_class_password`, and thirty who know it need not wait for thirty hashes."""
        file = class_folder() / CLASS_PASSWORD
        asked = file.exists() and file.read_bytes(), hashlib.sha256(given.encode()).digest()
        if asked != self._right and is_class_password(given):
            self._right = asked
        return asked == self._right

    def reset_password(self, username, new_password):
        """Change a password, and return what the page says of it."""
        return self._unusable(new_password, self._is_class_password(new_password)) or super().reset_password(
            username, new_password
        )

    def _refusal(self) -> str:
        return _(
            "This was not right. Is your name spelt as on the list of the class? The first time, choose a password and "
            "type the class password, too; later, only your own password is needed."
        )
