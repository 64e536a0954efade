import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useMatch, useNavigate } from 'react-router';
import { data, useApi } from '../api/client';
import { useShownTitle } from './title';

/** Where one is: Groups > the group > the page. */
export function Breadcrumbs() {
  const api = useApi();
  const navigate = useNavigate();
  const title = useShownTitle();
  const groupId = useMatch('/groups/:groupId/*')?.params.groupId;
  const known = groupId && groupId !== 'new' ? groupId : '';
  const { data: group } = useQuery({ queryKey: ['group', known], queryFn: known ? () => data(api.GET('/groups/{groupId}', { params: { path: { groupId: known } } })) : skipToken });
  if (!groupId) return null;
  const items = [
    { text: 'Groups', href: '/' },
    ...(group && group.name !== title ? [{ text: group.name, href: `/groups/${known}/status` }] : []),
    { text: title, href: '' },
  ];
  return <BreadcrumbGroup ariaLabel="Where you are" items={items} onFollow={event => { event.preventDefault(); void navigate(event.detail.href); }} />;
}
