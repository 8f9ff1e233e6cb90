ALTER TABLE sessions ADD COLUMN auth_time timestamptz;
UPDATE sessions SET auth_time = (SELECT max(proof) FROM unnest(proved_at) proof) WHERE idle_expires_at IS NOT NULL;
ALTER TABLE sessions
    DROP CONSTRAINT sessions_active_complete,
    DROP CONSTRAINT sessions_proofs_timed,
    DROP CONSTRAINT sessions_step_up_complete,
    DROP COLUMN proved_at,
    DROP COLUMN step_up_counter,
    DROP COLUMN stepped_up_at,
    ADD CONSTRAINT sessions_active_complete CHECK (state <> 'active' OR (auth_time IS NOT NULL AND idle_expires_at IS NOT NULL));
COMMENT ON COLUMN sessions.auth_time IS 'When the user last proved who they are.';
COMMENT ON COLUMN sessions.idle_expires_at IS 'The end that use moves, never past expires_at.';
