import type { Lane, Standing } from "./lane.ts";

const STANDINGS: readonly Standing[] = ["good", "new", "doubtful"];

/** Lanes that wait for their turn: the standings take turns, and within each its lanes. */
export class Turns {
  readonly #lanes: Readonly<Record<Standing, Lane[]>> = { good: [], new: [], doubtful: [] };
  #turn = 0;

  add(lane: Lane): void {
    this.#lanes[lane.standing].push(lane);
    lane.isInLine = true;
  }

  remove(lane: Lane): void {
    const lanes = this.#lanes[lane.standing];
    lanes.splice(lanes.indexOf(lane), 1);
    lane.isInLine = false;
  }

  /** Takes out the lane whose turn it is, of those whose standing may start something. */
  next(mayStart: (standing: Standing) => boolean): Lane | null {
    for (let step = 0; step < STANDINGS.length; step++) {
      this.#turn = (this.#turn + 1) % STANDINGS.length;
      const standing = STANDINGS[this.#turn];
      const lane = standing !== undefined && mayStart(standing) ? this.#lanes[standing].shift() : undefined;
      if (lane !== undefined) {
        lane.isInLine = false;
        return lane;
      }
    }
    return null;
  }
}
