-- What holds chats together on a network, like a team, and its Matrix space: one for
-- each school that has chats of it. room is '' until there is one; applied is a sum of
-- what it was last made to show.
CREATE TABLE space (
  id      @ID@,
  school  @KEY@ NOT NULL,
  bridge  @KEY@ NOT NULL,
  space   @KEY@ NOT NULL,
  slug    @KEY@ NOT NULL,
  name    TEXT NOT NULL,
  topic   TEXT NOT NULL,
  open    BOOLEAN NOT NULL,
  room    @KEY@ NOT NULL,
  applied TEXT NOT NULL,
  UNIQUE (bridge, space, school),
  UNIQUE (bridge, slug, school)
);
-- The space that a portal's chat belongs to, and what its room was last made to be
-- in it: who may join, and the Matrix space.
ALTER TABLE portal ADD COLUMN space TEXT NOT NULL DEFAULT '';
ALTER TABLE portal ADD COLUMN placed TEXT NOT NULL DEFAULT '';
