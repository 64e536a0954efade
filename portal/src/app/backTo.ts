/** Where somebody was before the sign-in: a path of this portal, whatever came back; `/` for everything else. */
export function backTo(state: unknown): string {
  if (typeof state !== 'string' || !state.startsWith('/')) return '/';
  const { origin } = window.location;
  const target = new URL(state, origin); // `//host` and `/\host` name another host, which a check of the text would miss
  if (target.origin !== origin) return '/';
  return target.pathname.replace(/^\/+/, '/') + target.search; // of `/.//host` the path alone would name another host
}
