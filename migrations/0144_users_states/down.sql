DROP INDEX users_disabled_idx;
DROP INDEX users_password_disabled_idx;
DROP INDEX users_codes_disabled_idx;
DROP INDEX users_unverified_idx;
