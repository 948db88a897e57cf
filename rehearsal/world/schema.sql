-- The tables that the rehearsal writes and counts: stand-ins for the platform's own schema.
CREATE TABLE users (
    id text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE crisis_events (
    id text PRIMARY KEY,
    mode text NOT NULL,
    detected_at timestamptz NOT NULL DEFAULT now()
);
