-- How far the people of a portal's chat have been followed into its room. wanted
-- counts the hints that they have changed, done those that the last complete
-- comparison has seen; sign and at are of that one.
CREATE TABLE member_check (
  school @KEY@ NOT NULL,
  bridge @KEY@ NOT NULL,
  portal BIGINT NOT NULL,
  wanted BIGINT NOT NULL,
  done   BIGINT NOT NULL,
  sign   TEXT NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (portal, bridge, school)
);
CREATE INDEX member_check_due ON member_check (bridge) WHERE wanted > done;
