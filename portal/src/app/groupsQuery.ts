import { usePrefetchInfiniteQuery } from '@tanstack/react-query';
import { BY_CURSOR, data, useApi, type Api } from '../api/client';

/** The list of groups, page after page, for `useInfiniteQuery`. */
export const groupsQuery = (api: Api, search: string) => ({
  queryKey: ['groups', search],
  queryFn: ({ pageParam }: { pageParam: string }) => data(api.GET('/groups', { params: { query: { search, limit: 200, cursor: pageParam } } })),
  ...BY_CURSOR,
});

/** Asks for the list of groups while it is still being asked who is signed in: on a slow line each question alone takes a second. */
export function GroupsAhead() {
  usePrefetchInfiniteQuery(groupsQuery(useApi(), new URLSearchParams(window.location.search).get('search') ?? ''));
  return null;
}
