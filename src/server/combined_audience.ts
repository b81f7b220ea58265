import {
  type Audience,
  type Host,
  type Member,
  nothing,
  Seat,
  spread,
} from "./audience.ts";
import type { CombinedPlace } from "./combined_part.ts";
import {
  type CombinedOptions,
  CombinedSubscription,
} from "./combined_subscription.ts";
import type { Follower } from "./hub.ts";
import {
  type CloseReason,
  eventResponse,
  type EventResponseOptions,
  isSubscription,
} from "./response.ts";
import { type Delivery, isOver } from "./subscription.ts";

/** How a request for several channels is answered. */
interface CombinedAdmission extends EventResponseOptions {
  readonly headers: Headers;
  readonly initial: (() => Promise<Delivery>) | undefined;
}

/** One that may become a subscriber of a channel. */
interface Arrival {
  readonly audience: Audience;
  readonly arrival: Follower;
}

/** The audiences of the channels that one subscriber of a combination joins. */
export class CombinedAudience implements Host<CombinedOptions> {
  readonly #places: readonly CombinedPlace[];

  constructor(places: readonly CombinedPlace[]) {
    this.#places = places;
  }

  get isDraining(): boolean {
    return this.#places.some(({ audience }) => audience.isDraining);
  }

  /** Answers a request once every log has been read, or a second has passed. */
  async respond(
    request: Request,
    lastEventId: string,
    { initial, ...settings }: CombinedAdmission,
  ): Promise<Response> {
    const options = { request, lastEventId, initial };
    const arrivals = this.#places.map(({ audience }): Arrival => ({
      audience,
      arrival: { advance() {}, onOutage() {} },
    }));
    try {
      const refused = isSubscription(request)
        ? await this.#admit(arrivals, settings.headers)
        : undefined;
      return refused ?? eventResponse(
        request,
        (body) =>
          this.isDraining
            ? nothing(body)
            : new Seat(this, request, options, body),
        { ...settings, retry: spread(settings.retry) },
      );
    } finally {
      for (const { audience, arrival } of arrivals) audience.depart(arrival);
    }
  }

  /** Waits for all logs; returns the answer to a request that cannot become a subscriber. */
  async #admit(
    arrivals: readonly Arrival[],
    headers: Headers,
  ): Promise<Response | undefined> {
    const answers = arrivals.map(({ audience, arrival }) =>
      audience.arrive(arrival, headers)
    );
    for (const refused of await Promise.all(answers)) {
      if (refused !== undefined) return refused;
    }
    const isDone = this.#places.every(({ audience, options }) =>
      isOver(audience.hub, options)
    );
    return isDone ? new Response(null, { status: 204, headers }) : undefined;
  }

  open(member: Member, options: CombinedOptions): CombinedSubscription {
    return new CombinedSubscription(member, this.#places, options);
  }

  join({ subscription }: Member): void {
    (subscription as CombinedSubscription).join();
  }

  leave({ subscription }: Member, reason: CloseReason): void {
    (subscription as CombinedSubscription).leave(reason);
  }

  /** Does nothing: each channel has counted what is its own. */
  count(): void {}

  /** Does nothing: each channel has reported what is its own. */
  fail(): void {}
}
