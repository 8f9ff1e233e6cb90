ALTER TABLE signing_keys
    DROP CONSTRAINT signing_keys_state_known,
    ADD CONSTRAINT signing_keys_state_known CHECK (state IN ('next', 'current', 'retired')),
    ADD COLUMN activated_at timestamptz,
    ADD COLUMN retired_at timestamptz;

UPDATE signing_keys SET activated_at = created_at;

ALTER TABLE signing_keys
    ADD CONSTRAINT signing_keys_times_fit CHECK (
        (state <> 'next' OR activated_at IS NULL) AND (retired_at IS NOT NULL) = (state = 'retired'));

CREATE UNIQUE INDEX signing_keys_one_next_key ON signing_keys (algorithm) WHERE state = 'next';

COMMENT ON COLUMN signing_keys.state IS 'next: published, does not sign yet. current: signs. retired: kept until its tokens are gone.';
COMMENT ON COLUMN signing_keys.activated_at IS 'When it began to sign; created_at where a release before this column made it.';
COMMENT ON COLUMN signing_keys.retired_at IS 'When it signed for the last time.';
