import TopNavigation from '@cloudscape-design/components/top-navigation';
import { applyMode, Mode } from '@cloudscape-design/global-styles';
import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { useAuth } from 'react-oidc-context';
import { useLocation, useMatch, useNavigate } from 'react-router';
import { useConfig } from './ConfigContext';
import { Finished } from './Finished';
import { useShownMessages } from './messages';
import { ROLE_NAMES, useMe } from './role';
import { useShownTitle } from './title';

const KEY = 'dark';
const Breadcrumbs = lazy(async () => ({ default: (await import('./Breadcrumbs')).Breadcrumbs }));
const HelpPanel = lazy(async () => ({ default: (await import('./Help')).Help }));

/** The frame of every page: skip link, top bar, where one is, messages, the page, and help beside it. */
export function Shell({ children }: { children: ReactNode }) {
  const auth = useAuth();
  const { clientId, endSessionEndpoint, revocationEndpoint } = useConfig();
  const navigate = useNavigate();
  const shown = useShownMessages();
  const me = useMe();
  const inGroup = useMatch('/groups/:groupId/*'); // elsewhere an empty bar would stand on a phone
  const [helping, setHelping] = useState(false);
  const [dark, turn] = useDark();
  // Out here, at the provider too, and no new token by the old refresh token. Cognito wants its own two parameters.
  const signOut = async () => {
    if (revocationEndpoint) await auth.revokeTokens(['refresh_token']).catch(() => undefined); // signing out goes on without
    if (!endSessionEndpoint) return void auth.removeUser().then(() => window.location.replace('/'));
    const home = `${window.location.origin}/`;
    await auth.signoutRedirect({ post_logout_redirect_uri: home, extraQueryParams: { client_id: clientId, logout_uri: home } });
  };
  return (
    <>
      <a className="skip" href="#page" onClick={event => { event.preventDefault(); document.getElementById('page')?.focus(); }}>Skip to the page</a>
      <div id="top">
        <TopNavigation
          identity={{ href: '/', title: 'OneRoster Selective Sync', onFollow: event => { event.preventDefault(); void navigate('/'); } }}
          i18nStrings={{ overflowMenuTriggerText: 'More', overflowMenuTitleText: 'All', overflowMenuBackIconAriaLabel: 'Back', overflowMenuDismissIconAriaLabel: 'Close' }}
          utilities={[
            { type: 'button', text: 'Groups', href: '/', onClick: event => { event.preventDefault(); void navigate('/'); } },
            { type: 'button', text: 'Overview', href: '/overview', onClick: event => { event.preventDefault(); void navigate('/overview'); } },
            ...(me.role === 'admin' && me.groups === null ? [{ type: 'button' as const, text: 'Users', href: '/users', onClick: (event: CustomEvent) => { event.preventDefault(); void navigate('/users'); } }] : []),
            { type: 'button', text: 'Help', iconName: 'status-info', onClick: () => setHelping(!helping) },
            {
              type: 'menu-dropdown',
              text: me.name,
              description: `Role: ${ROLE_NAMES[me.role]}`,
              iconName: 'user-profile',
              items: [{ id: 'mode', text: dark ? 'Light mode' : 'Dark mode' }, { id: 'out', text: 'Sign out' }],
              onItemClick: ({ detail }) => (detail.id === 'mode' ? turn() : void signOut()),
            },
          ]}
        />
      </div>
      <div className="frame">
        <main id="page" tabIndex={-1}>
          {inGroup && <div className="crumbs"><Suspense fallback={null}><Breadcrumbs /></Suspense></div>}
          <div className="messages" aria-live="polite">{shown}</div>
          {children}
        </main>
        {helping && <aside aria-label="Help"><Suspense fallback={null}><HelpPanel onClose={() => setHelping(false)} /></Suspense></aside>}
      </div>
      <Arrival />
      <Finished />
    </>
  );
}

/** Dark or light as the system is and turns, until somebody chooses; and the way to choose the other. */
function useDark(): [boolean, () => void] {
  const system = useSyncExternalStore(watchSystem, () => SYSTEM.matches);
  const [chosen, setChosen] = useState(() => localStorage.getItem(KEY));
  const dark = chosen ? chosen === 'yes' : system;
  useEffect(() => applyMode(dark ? Mode.Dark : Mode.Light), [dark]);
  const turn = () => {
    const next = dark ? 'no' : 'yes';
    localStorage.setItem(KEY, next);
    setChosen(next);
  };
  return [dark, turn];
}

const SYSTEM = window.matchMedia('(prefers-color-scheme: dark)');
const watchSystem = (turned: () => void) => {
  SYSTEM.addEventListener('change', turned);
  return () => SYSTEM.removeEventListener('change', turned);
};

/** After each change of page the focus goes to the page's heading, and its title is read out. */
function Arrival() {
  const title = useShownTitle();
  const here = useLocation().pathname;
  const from = useRef(here);
  useEffect(() => {
    if (from.current === here) return;
    const look = window.setTimeout(() => {
      from.current = here;
      const heading = document.querySelector<HTMLElement>('main h1');
      if (!heading || document.activeElement?.closest('main input, main textarea')) return; // a page may lead to its first field itself
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      window.scrollTo({ top: 0 });
    }, 50);
    return () => window.clearTimeout(look);
  }, [here, title]);
  return <div className="read-out" role="status" aria-live="polite" data-testid="arrived">{title && `Page: ${title}`}</div>;
}
