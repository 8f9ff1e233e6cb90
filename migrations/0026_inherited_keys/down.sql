DROP TABLE inherited_keys;
