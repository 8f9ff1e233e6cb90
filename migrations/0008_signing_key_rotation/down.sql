DELETE FROM signing_keys WHERE state <> 'current';
DROP INDEX signing_keys_one_next_key;
ALTER TABLE signing_keys
    DROP CONSTRAINT signing_keys_times_fit,
    DROP COLUMN activated_at,
    DROP COLUMN retired_at,
    DROP CONSTRAINT signing_keys_state_known,
    ADD CONSTRAINT signing_keys_state_known CHECK (state IN ('current'));
COMMENT ON COLUMN signing_keys.state IS 'current: signs.';
