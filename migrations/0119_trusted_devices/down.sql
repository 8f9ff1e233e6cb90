DROP TABLE trusted_devices;
ALTER TABLE users DROP COLUMN factor_epoch;
