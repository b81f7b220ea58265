import { admit } from "./audience.ts";
import type { CombinedPlace } from "./combined_member.ts";
import {
  type CombinedOptions,
  CombinedSubscription,
} from "./combined_subscription.ts";
import type { CloseReason, EventResponseOptions } from "./event_response.ts";
import type { Host, Member } from "./subscriber.ts";
import type { Delivery } from "./subscription.ts";

/** The response options and initial events of a request for a combination. */
interface CombinedAdmission extends EventResponseOptions {
  readonly headers: Headers;
  readonly initial: (() => Promise<Delivery>) | undefined;
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

  /** Answers a request with the events of all channels. */
  respond(
    request: Request,
    lastEventId: string,
    { initial, ...settings }: CombinedAdmission,
  ): Promise<Response> {
    const options = { request, lastEventId, initial };
    return admit(request, this, options, this.#places, settings);
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
