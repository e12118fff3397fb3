-- Channels computed from others. A formula never changes: another one is another channel. Citus: reference tables.
CREATE TABLE virtual_channel (
  channel_id        uuid PRIMARY KEY,
  -- Null: plus and minus. Else a part of one source that is divided by weights.
  weights           bigint[] CHECK (weights IS NULL OR (cardinality(weights) >= 1 AND 0 < ALL (weights))),
  part              integer CHECK ((part IS NULL) = (weights IS NULL) AND part BETWEEN 0 AND cardinality(weights) - 1),
  registered_at     timestamptz NOT NULL
);

CREATE TABLE virtual_source (
  channel_id        uuid NOT NULL,
  position          integer NOT NULL CHECK (position >= 0),
  source_id         uuid NOT NULL CHECK (source_id <> channel_id),
  sign              smallint NOT NULL CHECK (sign IN (-1, 1)),
  PRIMARY KEY (channel_id, position)
);
CREATE INDEX virtual_source_of ON virtual_source (source_id);
ALTER TABLE virtual_source ADD FOREIGN KEY (channel_id) REFERENCES virtual_channel (channel_id);

-- UTC days whose end was noticed: every channel is due then, whether anything came or not.
CREATE TABLE day_ended (
  day               date PRIMARY KEY,
  noticed_at        timestamptz NOT NULL
);

GRANT SELECT, INSERT ON virtual_channel, virtual_source, day_ended TO usage_service;
