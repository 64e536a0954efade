"""The tables that a staging begins with; all of its tables stand in `oneroster_engine.tables`."""

CREATE = """
CREATE TABLE problem (file VARCHAR, line BIGINT, entity VARCHAR, sourcedId VARCHAR, field VARCHAR, rule VARCHAR, severity VARCHAR,
                      other_line BIGINT, arguments MAP(VARCHAR, VARCHAR), cause VARCHAR, key VARCHAR);
CREATE TABLE damaged (file VARCHAR, sourcedId VARCHAR, key VARCHAR);
CREATE TABLE restored (file VARCHAR, was VARCHAR, id VARCHAR);
CREATE TABLE explained_value (file VARCHAR, value VARCHAR, key VARCHAR);
CREATE TABLE left_out (entity VARCHAR, sourcedId VARCHAR, line BIGINT, cause VARCHAR);
"""
