import { problem } from "../serve/problem.ts";
import { type Rate, RateLimit } from "../serve/rateLimit.ts";

/** How often each may ask, and the headers that tell it, by the draft of the IETF, draft-ietf-httpapi-ratelimit-headers-10. */
export class ToldLimit {
  readonly #name: string;
  readonly #rate: Rate;
  readonly #limit: RateLimit;

  /** `name`: what is limited, as the headers have it. */
  constructor(name: string, rate: Rate) {
    this.#name = name;
    this.#rate = rate;
    this.#limit = new RateLimit(rate);
  }

  /** The answer of `work`; 429 if this one has asked too often. */
  async answer(hash: string, work: () => Promise<Response>): Promise<Response> {
    const waitMs = this.#limit.take(hash);
    const waitS = Math.ceil(waitMs / 1_000);
    const response = waitMs > 0 ? problem(429, undefined, { "retry-after": String(waitS) }) : await work();
    const { burst, perSecond } = this.#rate;
    response.headers.set("ratelimit-policy", `"${this.#name}";q=${burst};w=${Math.ceil(burst / perSecond)}`);
    response.headers.set("ratelimit", `"${this.#name}";r=${this.#limit.left(hash)};t=${waitS}`);
    return response;
  }
}
