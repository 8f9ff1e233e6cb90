DELETE FROM passkeys WHERE backup_eligible IS NULL;

COMMENT ON COLUMN passkeys.backup_eligible IS 'Whether the key may leave its device. Never changes.';

ALTER TABLE passkeys ALTER COLUMN backup_eligible SET NOT NULL;

ALTER TABLE passkeys DROP COLUMN user_handle;

DROP TABLE user_handles;
