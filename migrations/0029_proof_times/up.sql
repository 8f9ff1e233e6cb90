-- Rows of before do not tell which of their proofs auth_time was the time of. All of them get the time of the first one,
-- which none is older than: a session that goes on is asked for one more proof, and none counts as fresher than it is.
ALTER TABLE sessions
    ADD COLUMN proved_at timestamptz[],
    ADD COLUMN step_up_counter bigint,
    ADD COLUMN stepped_up_at timestamptz;
UPDATE sessions SET proved_at = array_fill(created_at, ARRAY[cardinality(methods)]);
ALTER TABLE sessions
    ALTER COLUMN proved_at SET NOT NULL,
    DROP CONSTRAINT sessions_active_complete,
    DROP COLUMN auth_time,
    ADD CONSTRAINT sessions_active_complete CHECK (state <> 'active' OR idle_expires_at IS NOT NULL),
    ADD CONSTRAINT sessions_proofs_timed CHECK (
        cardinality(proved_at) = cardinality(methods) AND array_position(proved_at, NULL) IS NULL),
    ADD CONSTRAINT sessions_step_up_complete CHECK ((step_up_counter IS NULL) = (stepped_up_at IS NULL));

COMMENT ON COLUMN sessions.methods IS 'What was proven, in order; acr and amr follow from it.';
COMMENT ON COLUMN sessions.proved_at IS 'When each of methods was last proven, in the same order; auth_time follows from both.';
COMMENT ON COLUMN sessions.step_up_counter IS 'What refresh_counter became by the last step-up: no older token gets a newer one.';
COMMENT ON COLUMN sessions.stepped_up_at IS 'When that was.';
COMMENT ON COLUMN sessions.idle_expires_at IS 'The end that use moves, never past expires_at. Set once signed in, and kept after the end.';
