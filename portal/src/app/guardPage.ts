/** Asked before the page is left; `leave` goes where the person wanted to go. */
export type Guard = (leave: () => void) => void;

let guard: Guard | null = null;
export const guardPage = (next: Guard | null) => { guard = next; };

/** Leaves for another page: at once, or when the page's guard lets go. */
export function leaving(leave: () => void) {
  const ask = guard;
  if (ask) ask(() => { guard = null; leave(); });
  else leave();
}
export const isGuarded = () => guard !== null;
