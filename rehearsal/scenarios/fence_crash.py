"""The old leader's fence is killed between the halves of a closing: no right is left, and older sessions still live."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from components.kube.jobs import FENCE
from operations.session import CREATE_CLOSING
from procedures.assumptions import PLANNED
from procedures.checks import Check
from recovery.naming import closing_key, database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.live_flip import closed
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify
from rehearsal.world.users import Connection

_STALL = f"""
CREATE SCHEMA IF NOT EXISTS lifeline;
{CREATE_CLOSING};
CREATE FUNCTION lifeline.stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(4); RETURN NEW; END $$;
CREATE TRIGGER stall BEFORE UPDATE ON lifeline.closing FOR EACH ROW WHEN (NEW.at IS NOT NULL)
    EXECUTE FUNCTION lifeline.stall();
"""
"""The second half begins with a note of when the first one ended. This makes the note slow."""
_STALLS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
_END_STALLED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
"""The connections of a killed pod break. A server that is not made slow notices that at once."""
_WITHOUT_STALL = "DROP TRIGGER IF EXISTS stall ON lifeline.closing; DROP FUNCTION IF EXISTS lifeline.stall()"
_ROW = "open-when-the-fence-died"


@dataclass
class _Crash:
    """The pods of a fence, which die in the middle of a closing, and a transaction that is open meanwhile."""

    environment: Environment
    site: SiteWorld
    killed: list[str] = field(default_factory=list[str])
    survived: bool = False
    """Whether the open transaction was still there after the crash."""
    committed: bool = False
    """Whether it could commit after the fence had come back."""

    @contextmanager
    def watched(self) -> Generator[None]:
        """Kill the fence's pods when its closing stalls, while something else happens."""
        with self.environment.postgres[self.database].connect() as owner:
            owner.execute(_STALL.encode())
        (host,) = (host for host, name in self.environment.effects.by_address.items() if name == self.database)
        held = self.environment.platforms[self.site.name].users.open(host)
        held.execute("BEGIN")
        held.execute("INSERT INTO users (id) VALUES (%s)", [_ROW])
        done = threading.Event()
        thread = threading.Thread(target=self._kill, args=(held, done), name="crash")
        thread.start()
        try:
            yield
            with contextlib.suppress(psycopg.OperationalError):
                held.execute("COMMIT")
                self.committed = True
        finally:
            done.set()
            thread.join()
            held.close()

    @property
    def database(self) -> str:
        """The old leader."""
        return database_identifier(self.site.config.history[0])

    def _kill(self, held: Connection, done: threading.Event) -> None:
        with self.environment.postgres[self.database].connect_as_admin() as admin:
            while not done.wait(0.02):
                if admin.execute(_STALLS.encode()).fetchone() == (True,):
                    break
            else:
                return
            pods = self.environment.pods_of(self.site)
            for pod in (f"{FENCE}-0", f"{FENCE}-1"):
                with contextlib.suppress(KeyError):
                    pods.signal(pod, signal.SIGKILL)
                    self.killed.append(pod)
            admin.execute(_END_STALLED.encode())
            state = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'idle in transaction')"
            self.survived = admin.execute(state.encode(), [held.info.backend_pid]).fetchone() == (True,)
        with self.environment.postgres[self.database].connect() as owner:
            owner.execute("SET default_transaction_read_only = off")
            owner.execute(_WITHOUT_STALL.encode())


def fence_crash(environment: Environment, reporter: Reporter) -> Outcome:
    """Flip while the old leader lives, and kill its fence halfway: the next pods finish, and nothing is lost."""
    phases = Phases(reporter)
    with phases("build both sites"):
        old, taker = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, old)
    crash, began = _Crash(environment, old), environment.clock.now()
    with phases("flip, and the old leader's fence dies halfway"), crash.watched():
        steps, checks = actions.flip(environment, reporter, taker)
        actions.until(environment, lambda: environment.account.ledger.get(taker.region, closing_key(1)) is not None)
    reporter.say(f"killed: {', '.join(crash.killed) or 'no pod'}")
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, began)
    with phases("verify"):
        checks = (*checks, *verify(environment, client, taker))
        client.stop()
    return outcomes.outcome(
        "fence-crash",
        environment,
        tiers=outcomes.tier_outcomes(client, began, PLANNED),
        losses=losses_of(environment, client, taker),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            Check("the fence died between the halves of its closing", passed=bool(crash.killed) and crash.survived),
            Check("a transaction that was open then cannot commit later", passed=not crash.committed),
            *closed(environment, old, taker),
            *checks,
        ),
        phases=phases,
    )
