import AppLayout from '@cloudscape-design/components/app-layout';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { useEffect, useState, type ReactNode } from 'react';
import { useAuth } from 'react-oidc-context';
import { useNavigate } from 'react-router';
import { useShownMessages } from './messages';

const KEY = 'dark';

export function Shell({ children }: { children: ReactNode }) {
  const auth = useAuth();
  const navigate = useNavigate();
  const shown = useShownMessages();
  const [dark, setDark] = useState(() => {
    const said = localStorage.getItem(KEY);
    return said ? said === 'yes' : window.matchMedia('(prefers-color-scheme: dark)').matches;
  });
  useEffect(() => applyMode(dark ? Mode.Dark : Mode.Light), [dark]);
  const turn = () => {
    localStorage.setItem(KEY, dark ? 'no' : 'yes');
    setDark(!dark);
  };
  const name = auth.user?.profile.name ?? auth.user?.profile.email ?? 'Signed in';
  return (
    <>
      <TopNavigation
        identity={{ href: '/', title: 'OneRoster Selective Sync', onFollow: event => { event.preventDefault(); void navigate('/'); } }}
        utilities={[
          { type: 'button', text: dark ? 'Light mode' : 'Dark mode', onClick: turn },
          {
            type: 'menu-dropdown',
            text: name,
            iconName: 'user-profile',
            items: [{ id: 'out', text: 'Sign out' }],
            onItemClick: () => void auth.removeUser().then(() => window.location.replace('/')),
          },
        ]}
      />
      <AppLayout navigationHide toolsHide notifications={shown} content={children} contentType="default" />
    </>
  );
}
