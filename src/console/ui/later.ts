/** What nobody needs to see the first screens. It is one file, because esbuild makes another one of whatever two of them share. */
export { journeySvg } from "./journeySvg.ts";
export { ActDialog } from "./parts/actDialog.tsx";
export { ManyDialog } from "./parts/manyDialog.tsx";
export { Attempts } from "./screens/attempts.tsx";
export { Audit } from "./screens/audit.tsx";
export { DaemonsScreen } from "./screens/daemons.tsx";
export { Keys } from "./screens/keys.tsx";
export { Replays } from "./screens/replays.tsx";
export { Types } from "./screens/types.tsx";
export { UnmatchedScreen } from "./screens/unmatched.tsx";
