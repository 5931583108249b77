import { useEffect, useRef, useState } from 'preact/hooks';
import { sleep } from './api/http';
import type { Problem } from './api/problem';
import { shop, type Order, type Payment } from './api/shop';
import { session } from './session';
import { paymentMoves } from './timeline';
import { realOutside, watchOrder, whileLookedAt, type Watching } from './watch';

interface Shown {
  readonly order?: Order | undefined;
  readonly payment?: Payment | undefined;
  readonly watching?: Watching;
  /** There is no such order, and so many milliseconds went by since it was looked for first. */
  readonly missing?: number | undefined;
  readonly refused?: Problem | undefined;
}

export interface OrderShown extends Shown {
  /** What the page itself was answered. */
  tookOrder(order: Order): void;
  tookPayment(payment: Payment): void;
  /** From the beginning. */
  again(): void;
}

/** An order and its payment, as they are while somebody looks. */
export function useOrder(orderId: string): OrderShown {
  const [shown, setShown] = useState<Shown>({});
  const [round, setRound] = useState(0);
  const [paymentRound, setPaymentRound] = useState(0);
  // Always the latest, whatever was rendered.
  const latest = useRef<Shown>({});
  const token = session.value?.token;

  const put = (change: Shown): void => setShown((latest.current = { ...latest.current, ...change }));
  const tookOrder = (order: Order): void => {
    const { order: before } = latest.current;
    put({ order: before?.id === order.id && before.version > order.version ? before : order, missing: undefined, refused: undefined });
  };
  const tookPayment = (payment: Payment): void => {
    const { payment: before } = latest.current;
    put({ payment: before?.id === payment.id && before.version > payment.version ? before : payment });
  };

  useEffect(() => {
    setShown((latest.current = {}));
    const begun = Date.now();
    return whileLookedAt((signal) => {
      const ifHere = <T extends unknown[]>(act: (...said: T) => void) => (...said: T): void => {
        if (!signal.aborted) act(...said);
      };
      void watchOrder(
        orderId,
        {
          order: ifHere(tookOrder),
          watching: ifHere((watching) => put({ watching })),
          missing: ifHere(() => put({ missing: Date.now() - begun })),
          refused: ifHere((refused) => put({ refused })),
        },
        signal,
        realOutside((id, asked) => shop.order(id, asked), () => session.peek()?.token),
        latest.current.order,
      );
    });
  }, [orderId, token, round]);

  // A payment has no stream: it is asked for when the order changes, and as long as it moves by itself.
  const version = shown.order?.version;
  useEffect(() => {
    if (version === undefined) return;
    return whileLookedAt((signal) => void (async () => {
      for (let wait = 500; !signal.aborted; wait = Math.min(wait * 1.3, 5000)) {
        const answer = await shop.paymentOf(orderId, { signal, repeats: 1 });
        if (signal.aborted) return;
        if (answer.ok) tookPayment(answer.value);
        const { order, payment } = latest.current;
        if (!order || !paymentMoves(order, payment)) return;
        await sleep(wait, signal).catch(() => {});
      }
    })());
  }, [orderId, version, paymentRound]);

  return {
    ...shown,
    tookOrder,
    tookPayment: (payment) => {
      tookPayment(payment);
      setPaymentRound(paymentRound + 1);
    },
    again: () => setRound(round + 1),
  };
}
