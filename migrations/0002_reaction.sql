-- Who reacts to a message, as it has crossed. sender is the Matrix user: a ghost
-- (dir in) or a person (dir out); event_id the reaction's event, '' when unknown.
CREATE TABLE reaction (
  school   @KEY@ NOT NULL,
  bridge   @KEY@ NOT NULL,
  portal   BIGINT NOT NULL,
  target   @KEY@ NOT NULL,
  dir      @KEY@ NOT NULL,
  sender   @KEY@ NOT NULL,
  emoji    @KEY@ NOT NULL,
  event_id @KEY@ NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (portal, target, dir, sender, emoji, bridge, school)
);
CREATE INDEX reaction_event ON reaction (event_id) WHERE event_id <> '';
