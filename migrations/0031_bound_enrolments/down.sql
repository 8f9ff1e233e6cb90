ALTER TABLE out_of_band_factors
    DROP CONSTRAINT out_of_band_factors_session_pending,
    DROP COLUMN session_id;
ALTER TABLE totp_factors
    DROP CONSTRAINT totp_factors_session_pending,
    DROP COLUMN session_id;
