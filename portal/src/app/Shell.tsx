import AppLayout from '@cloudscape-design/components/app-layout';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useEffect, useState, type ReactNode } from 'react';
import { useAuth } from 'react-oidc-context';
import { useMatch, useNavigate } from 'react-router';
import { data, useApi } from '../api/client';
import { useShownMessages } from './messages';
import { useMe } from './role';
import { useShownTitle } from './title';

const KEY = 'dark';

export function Shell({ children }: { children: ReactNode }) {
  const auth = useAuth();
  const navigate = useNavigate();
  const shown = useShownMessages();
  const me = useMe();
  const inGroup = useMatch('/groups/:groupId/*'); // elsewhere an empty bar would stand on a phone
  const [dark, setDark] = useState(() => {
    const said = localStorage.getItem(KEY);
    return said ? said === 'yes' : window.matchMedia('(prefers-color-scheme: dark)').matches;
  });
  useEffect(() => applyMode(dark ? Mode.Dark : Mode.Light), [dark]);
  const turn = () => {
    localStorage.setItem(KEY, dark ? 'no' : 'yes');
    setDark(!dark);
  };
  const signOut = () => void auth.removeUser().then(() => window.location.replace('/'));
  return (
    <>
      <div id="top">
        <TopNavigation
          identity={{ href: '/', title: 'OneRoster Selective Sync', onFollow: event => { event.preventDefault(); void navigate('/'); } }}
          utilities={[
            {
              type: 'menu-dropdown',
              text: me.name,
              description: `Role: ${me.role}`,
              iconName: 'user-profile',
              items: [{ id: 'mode', text: dark ? 'Light mode' : 'Dark mode' }, { id: 'out', text: 'Sign out' }],
              onItemClick: ({ detail }) => (detail.id === 'mode' ? turn() : signOut()),
            },
          ]}
        />
      </div>
      <AppLayout headerSelector="#top" navigationHide toolsHide breadcrumbs={inGroup && <Breadcrumbs />} notifications={shown} content={children} contentType="default" />
    </>
  );
}

/** Where one is: Groups > the group > the page. */
function Breadcrumbs() {
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
