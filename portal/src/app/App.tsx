import { I18nProvider } from '@cloudscape-design/components/i18n';
import words from '@cloudscape-design/components/i18n/messages/all.en';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { WebStorageStateStore } from 'oidc-client-ts';
import { AuthProvider } from 'react-oidc-context';
import { BrowserRouter, Route, Routes } from 'react-router';
import { FailedRequest } from '../api/client';
import { LostArrivalsPage } from '../features/arrivals/LostArrivalsPage';
import { AuditPage } from '../features/audit/AuditPage';
import { SanityPage } from '../features/explain/SanityPage';
import { TracePage } from '../features/explain/TracePage';
import { GroupFormPage } from '../features/groups/GroupFormPage';
import { ChangesPage } from '../features/changes/ChangesPage';
import { GroupsPage } from '../features/groups/GroupsPage';
import { SelectivePage } from '../features/selective/SelectivePage';
import { CalendarPage } from '../features/calendar/CalendarPage';
import { HistoryPage } from '../features/history/HistoryPage';
import { RosterPage } from '../features/roster/RosterPage';
import { SelectionPage } from '../features/selections/SelectionPage';
import { SelectionsPage } from '../features/selections/SelectionsPage';
import { StatusPage } from '../features/status/StatusPage';
import { FullSyncPage } from '../features/upload/FullSyncPage';
import { ConfigContext } from './ConfigContext';
import { Messages } from './messages';
import { For, WhoIAm } from './role';
import { Shell } from './Shell';
import { SignedIn } from './SignedIn';
import { Titles } from './title';
import type { Config } from './config';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && !(error instanceof FailedRequest && error.problem.status < 500),
    },
  },
});

export function App({ config }: { config: Config }) {
  const oidc = {
    authority: config.issuer,
    client_id: config.clientId,
    redirect_uri: config.redirectUri,
    scope: 'openid email profile',
    userStore: new WebStorageStateStore({ store: window.sessionStorage }),
    metadata: {
      issuer: config.issuer,
      authorization_endpoint: config.authorizationEndpoint,
      token_endpoint: config.tokenEndpoint,
      jwks_uri: config.jwksUri,
      end_session_endpoint: config.endSessionEndpoint,
    },
  };
  return (
    <ConfigContext.Provider value={config}>
      <AuthProvider {...oidc} onSigninCallback={user => window.location.replace((user?.state as string | undefined) ?? '/')}>
        <QueryClientProvider client={queries}>
          <I18nProvider locale="en" messages={[words]}>
            <BrowserRouter>
              <Messages>
                <SignedIn>
                  <WhoIAm>
                    <Titles>
                      <Shell>
                        <Pages />
                      </Shell>
                    </Titles>
                  </WhoIAm>
                </SignedIn>
              </Messages>
            </BrowserRouter>
          </I18nProvider>
        </QueryClientProvider>
      </AuthProvider>
    </ConfigContext.Provider>
  );
}

function Pages() {
  return (
    <Routes>
      <Route path="/" element={<GroupsPage />} />
      <Route path="/groups/new" element={<For role="admin"><GroupFormPage /></For>} />
      <Route path="/groups/:groupId" element={<For role="admin"><GroupFormPage /></For>} />
      <Route path="/groups/:groupId/sync" element={<For role="operator"><FullSyncPage /></For>} />
      <Route path="/groups/:groupId/selective" element={<For role="operator"><SelectivePage /></For>} />
      <Route path="/groups/:groupId/syncs/:syncId/changes" element={<ChangesPage />} />
      <Route path="/groups/:groupId/status" element={<StatusPage />} />
      <Route path="/groups/:groupId/history" element={<HistoryPage />} />
      <Route path="/groups/:groupId/calendar" element={<CalendarPage />} />
      <Route path="/groups/:groupId/selections" element={<SelectionsPage />} />
      <Route path="/groups/:groupId/selections/:name" element={<SelectionPage />} />
      <Route path="/groups/:groupId/new-selection" element={<For role="operator"><SelectionPage /></For>} />
      <Route path="/groups/:groupId/roster" element={<RosterPage />} />
      <Route path="/groups/:groupId/audit" element={<For role="admin"><AuditPage /></For>} />
      <Route path="/arrivals" element={<For role="admin"><LostArrivalsPage /></For>} />
      <Route path="/groups/:groupId/trace" element={<TracePage />} />
      <Route path="/groups/:groupId/syncs/:syncId/sanity" element={<SanityPage />} />
      <Route path="*" element={<GroupsPage />} />
    </Routes>
  );
}
