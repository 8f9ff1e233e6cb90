-- A pending factor names the session that began it. One from before names none, and no session confirms it any more: it
-- would have waited for ten minutes, and its owner begins again.
ALTER TABLE totp_factors
    ADD COLUMN session_id uuid,
    ADD CONSTRAINT totp_factors_session_pending CHECK (session_id IS NULL OR state = 'pending') NOT VALID;
ALTER TABLE totp_factors VALIDATE CONSTRAINT totp_factors_session_pending;
COMMENT ON COLUMN totp_factors.session_id IS 'While pending, the session that began it and alone confirms it. No foreign key: a session that was deleted confirms nothing, and a pending row lasts ten minutes.';

ALTER TABLE out_of_band_factors
    ADD COLUMN session_id uuid,
    ADD CONSTRAINT out_of_band_factors_session_pending CHECK (session_id IS NULL OR state = 'pending') NOT VALID;
ALTER TABLE out_of_band_factors VALIDATE CONSTRAINT out_of_band_factors_session_pending;
COMMENT ON COLUMN out_of_band_factors.session_id IS 'While pending, the session that began it and alone confirms it. No foreign key: a session that was deleted confirms nothing, and a pending row lasts ten minutes.';
