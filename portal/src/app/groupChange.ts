import { useMutation, useQueryClient } from '@tanstack/react-query';
import { data, useApi, type Schemas } from '../api/client';
import { useSay } from './messages';

type Group = Schemas['GroupOut'];

/** Change some of a group's settings and say so. The page goes on with the new etag at once, before the group is read again. */
export function useGroupChange(group: Group, said: (saved: Group) => string) {
  const api = useApi();
  const queries = useQueryClient();
  const say = useSay();
  return useMutation({
    mutationFn: (body: Partial<Pick<Group, 'calendar' | 'guard' | 'schedule'>>) =>
      data(api.PATCH('/groups/{groupId}', { params: { path: { groupId: group.groupId }, header: { 'If-Match': group.etag } }, body: body as Schemas['GroupPatch'] })),
    onSuccess: saved => {
      queries.setQueryData(['group', group.groupId], saved);
      void queries.invalidateQueries();
      say('success', said(saved));
    },
  });
}
