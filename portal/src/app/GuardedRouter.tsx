import { startTransition, useLayoutEffect, useState, type ReactNode } from 'react';
import { createPath, NavigationType, Router, type Location, type Navigator, type To } from 'react-router';
import { isGuarded, leaving } from './guardPage';

interface Shown { location: Location; action: NavigationType }

/** What the browser keeps with an address: the page's own state, and its place, by which a Back is told from a Forward. */
interface Kept { state: unknown; key: string; place: number }
const kept = (): Kept => ({ state: null, key: 'default', place: 0, ...(window.history.state as Partial<Kept> | null) });

function here(action: NavigationType): Shown {
  const { pathname, search, hash } = window.location;
  const { state, key } = kept();
  return { action, location: { pathname, search, hash, state, key, mask: undefined } };
}

let listener: (shown: Shown) => void = () => undefined;
let shown = window.location.pathname; // of the page that is open; the browser has moved on already when it tells of a Back
let place = kept().place;

function show(action: NavigationType) {
  shown = window.location.pathname;
  place = kept().place;
  listener(here(action));
}

const hrefOf = (to: To) => (typeof to === 'string' ? to : createPath(to));
const isOther = (href: string) => new URL(href, window.location.href).pathname !== shown;

function go(to: To, state: unknown, action: NavigationType.Push | NavigationType.Replace) {
  const href = hrefOf(to);
  const move = () => {
    const push = action === NavigationType.Push;
    const next: Kept = { state: state ?? null, key: crypto.randomUUID().slice(0, 8), place: place + (push ? 1 : 0) };
    if (push) window.history.pushState(next, '', href);
    else window.history.replaceState(next, '', href);
    show(action);
  };
  if (isOther(href)) leaving(move);
  else move();
}

const navigator: Navigator = {
  createHref: hrefOf,
  go: delta => window.history.go(delta),
  push: (to, state) => go(to, state, NavigationType.Push),
  replace: (to, state) => go(to, state, NavigationType.Replace),
};

let returning = false;
function popped() {
  if (returning) {
    returning = false;
    return;
  }
  const delta = kept().place - place;
  if (isGuarded() && delta && window.location.pathname !== shown) {
    returning = true;
    window.history.go(-delta);
    leaving(() => window.history.go(delta)); // the guard is gone when it lets go
    return;
  }
  show(NavigationType.Pop);
}

/**
 * A router over the browser's history that asks a page's guard before the page is left: by a link, or by the browser's own Back.
 * React Router's way to ask needs its data router, which no page needs otherwise and which weighs more than all our own code.
 */
export function GuardedRouter({ children }: { children: ReactNode }) {
  const [{ location, action }, setShown] = useState(() => here(NavigationType.Pop));
  useLayoutEffect(() => {
    listener = next => startTransition(() => setShown(next));
    window.addEventListener('popstate', popped);
    return () => window.removeEventListener('popstate', popped);
  }, []);
  return <Router location={location} navigationType={action} navigator={navigator}>{children}</Router>;
}
