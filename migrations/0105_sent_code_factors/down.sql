DROP TABLE sent_code_factors;
