import { NavigationType, UNSAFE_createBrowserHistory } from 'react-router';

/** Asked before the page is left; `leave` goes where the person wanted to go. */
export type Guard = (leave: () => void) => void;

let guard: Guard | null = null;
export const guardPage = (next: Guard | null) => { guard = next; };

/**
 * The browser's history, which asks a page's guard before it is left: by a link, or by the browser's own Back.
 * React Router's way to ask needs its data router, which no page needs otherwise and which weighs more than all our own code.
 */
function guarded() {
  const inner = UNSAFE_createBrowserHistory({ v5Compat: true });
  const own = { go: inner.go.bind(inner), push: inner.push.bind(inner), replace: inner.replace.bind(inner), listen: inner.listen.bind(inner) };
  const pathOf = (to: Parameters<typeof inner.push>[0]) => inner.createURL(to).pathname;
  const asked = (to: string, from: string, leave: () => void) => {
    const ask = guard;
    if (ask && to !== from) ask(() => { guard = null; leave(); });
    else leave();
  };
  let here = inner.location.pathname; // of the page that is shown; the browser has moved on already when it tells of a Back
  let returning = false;
  inner.push = (to, state) => asked(pathOf(to), here, () => own.push(to, state));
  inner.replace = (to, state) => asked(pathOf(to), here, () => own.replace(to, state));
  inner.listen = listener => own.listen(update => {
    if (returning) {
      returning = false;
      return;
    }
    const { delta } = update;
    if (update.action === NavigationType.Pop && guard && delta && update.location.pathname !== here) {
      returning = true;
      own.go(-delta);
      asked(update.location.pathname, here, () => own.go(delta));
      return;
    }
    here = update.location.pathname;
    listener(update);
  });
  return inner;
}

export const browserHistory = guarded();
