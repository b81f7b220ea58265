import {
  type Audience,
  closedSource,
  type Host,
  type Member,
  randomRetry,
  ResponseSubscriber,
} from "./audience.ts";
import type { CombinedPlace } from "./combined_part.ts";
import {
  type CombinedOptions,
  CombinedSubscription,
} from "./combined_subscription.ts";
import type { Follower } from "./hub.ts";
import {
  answerWithoutEvents,
  type CloseReason,
  eventResponse,
  type EventResponseOptions,
} from "./response.ts";
import type { Delivery } from "./subscription.ts";
import { isOver } from "./start_position.ts";

/** The response options and initial events of a request for a combination. */
interface CombinedAdmission extends EventResponseOptions {
  readonly headers: Headers;
  readonly initial: (() => Promise<Delivery>) | undefined;
}

/** A reserved place in the audience of one channel. */
interface Reservation {
  readonly audience: Audience;
  readonly reservation: Follower;
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

  /** Answers a request after the first read of every log, or after one second. */
  async respond(
    request: Request,
    lastEventId: string,
    { initial, ...settings }: CombinedAdmission,
  ): Promise<Response> {
    const answer = answerWithoutEvents(request, settings.headers);
    if (answer !== undefined) return answer;
    const options = { request, lastEventId, initial };
    const reservations = this.#places.map(({ audience }): Reservation => ({
      audience,
      reservation: { advance() {}, onOutage() {} },
    }));
    try {
      const refused = await this.#admit(reservations, settings.headers);
      return refused ?? eventResponse(
        request,
        (body) =>
          this.isDraining
            ? closedSource(body)
            : new ResponseSubscriber(this, request, options, body),
        { ...settings, retry: randomRetry(settings.retry) },
      );
    } finally {
      for (const { audience, reservation } of reservations) {
        audience.release(reservation);
      }
    }
  }

  /** Waits for all logs. Returns a response if the request cannot become a subscriber. */
  async #admit(
    reservations: readonly Reservation[],
    headers: Headers,
  ): Promise<Response | undefined> {
    const answers = reservations.map(({ audience, reservation }) =>
      audience.reserve(reservation, headers)
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

  /** Does nothing, because each channel counts its deliveries. */
  count(): void {}

  /** Does nothing, because each channel reports its errors. */
  fail(): void {}
}
