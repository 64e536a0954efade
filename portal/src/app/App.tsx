import Box from '@cloudscape-design/components/box';
import { I18nProvider } from '@cloudscape-design/components/i18n';
import words from '@cloudscape-design/components/i18n/messages/all.en';
import Spinner from '@cloudscape-design/components/spinner';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { WebStorageStateStore } from 'oidc-client-ts';
import { AuthProvider } from 'react-oidc-context';
import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { FailedRequest } from '../api/client';
import { GroupsPage } from '../features/groups/GroupsPage';
import { backTo } from './backTo';
import { ConfigContext } from './ConfigContext';
import { GroupsAhead } from './groupsQuery';
import { GuardedRouter } from './GuardedRouter';
import { InGroup } from './InGroup';
import { Messages } from './messages';
import { NotFound } from './NotFound';
import { For, WhoIAm } from './role';
import { Shell } from './Shell';
import { SignedIn } from './SignedIn';
import { Titles } from './title';
import type { Config } from './config';

// Each page comes when it is opened first, so that the first load is that of one page.
const LostArrivalsPage = lazy(async () => ({ default: (await import('../features/arrivals/LostArrivalsPage')).LostArrivalsPage }));
const MembersPage = lazy(async () => ({ default: (await import('../features/members/MembersPage')).MembersPage }));
const AuditPage = lazy(async () => ({ default: (await import('../features/audit/AuditPage')).AuditPage }));
const ClientsPage = lazy(async () => ({ default: (await import('../features/clients/ClientsPage')).ClientsPage }));
const SanityPage = lazy(async () => ({ default: (await import('../features/explain/SanityPage')).SanityPage }));
const TracePage = lazy(async () => ({ default: (await import('../features/explain/TracePage')).TracePage }));
const GroupFormPage = lazy(async () => ({ default: (await import('../features/groups/GroupFormPage')).GroupFormPage }));
const DeletionsPage = lazy(async () => ({ default: (await import('../features/groups/DeletionsPage')).DeletionsPage }));
const ChangesPage = lazy(async () => ({ default: (await import('../features/changes/ChangesPage')).ChangesPage }));
const SelectivePage = lazy(async () => ({ default: (await import('../features/selective/SelectivePage')).SelectivePage }));
const CalendarPage = lazy(async () => ({ default: (await import('../features/calendar/CalendarPage')).CalendarPage }));
const HistoryPage = lazy(async () => ({ default: (await import('../features/history/HistoryPage')).HistoryPage }));
const RosterPage = lazy(async () => ({ default: (await import('../features/roster/RosterPage')).RosterPage }));
const SelectionPage = lazy(async () => ({ default: (await import('../features/selections/SelectionPage')).SelectionPage }));
const SelectionsPage = lazy(async () => ({ default: (await import('../features/selections/SelectionsPage')).SelectionsPage }));
const OverviewPage = lazy(async () => ({ default: (await import('../features/overview/OverviewPage')).OverviewPage }));
const RehearsalPage = lazy(async () => ({ default: (await import('../features/upload/RehearsalPage')).RehearsalPage }));
const StatusPage = lazy(async () => ({ default: (await import('../features/status/StatusPage')).StatusPage }));
const FullSyncPage = lazy(async () => ({ default: (await import('../features/upload/FullSyncPage')).FullSyncPage }));

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
      revocation_endpoint: config.revocationEndpoint,
    },
    revokeTokenTypes: ['refresh_token' as const],
  };
  return (
    <ConfigContext.Provider value={config}>
      <AuthProvider {...oidc} onSigninCallback={user => window.location.replace(backTo(user?.state))}>
        <QueryClientProvider client={queries}>
          <I18nProvider locale="en" messages={[words]}>
            <GuardedRouter><Inside /></GuardedRouter>
          </I18nProvider>
        </QueryClientProvider>
      </AuthProvider>
    </ConfigContext.Provider>
  );
}

function Pages() {
  return (
    <Suspense fallback={<Box padding="l"><Spinner /> Loading…</Box>}><Routes>
      <Route path="/" element={<GroupsPage />} />
      <Route path="/groups" element={<GroupsPage />} />
      <Route path="/overview" element={<OverviewPage />} />
      <Route path="/arrivals" element={<For role="admin"><LostArrivalsPage /></For>} />
      <Route path="/deleted-groups" element={<For role="admin"><DeletionsPage /></For>} />
      <Route path="/users" element={<For role="admin"><MembersPage /></For>} />
      <Route path="/groups/new" element={<For role="admin"><GroupFormPage /></For>} />
      <Route path="/groups/:groupId" element={<InGroup />}>
        <Route index element={<For role="admin"><GroupFormPage /></For>} />
        <Route path="sync" element={<For role="operator"><FullSyncPage /></For>} />
        <Route path="selective" element={<For role="operator"><SelectivePage /></For>} />
        <Route path="rehearsal" element={<For role="operator"><RehearsalPage /></For>} />
        <Route path="status" element={<StatusPage />} />
        <Route path="history" element={<HistoryPage />} />
        <Route path="calendar" element={<CalendarPage />} />
        <Route path="selections" element={<SelectionsPage />} />
        <Route path="selections/:name" element={<SelectionPage />} />
        <Route path="new-selection" element={<For role="operator"><SelectionPage /></For>} />
        <Route path="roster" element={<RosterPage />} />
        <Route path="applications" element={<For role="admin"><ClientsPage /></For>} />
        <Route path="audit" element={<For role="admin"><AuditPage /></For>} />
        <Route path="trace" element={<TracePage />} />
        <Route path="syncs/:syncId/changes" element={<ChangesPage />} />
        <Route path="syncs/:syncId/sanity" element={<SanityPage />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes></Suspense>
  );
}

function Inside() {
  return (
    <Messages>
      <SignedIn>
        {['/', '/groups'].includes(window.location.pathname) && <GroupsAhead />}
        <Titles>
          <WhoIAm>
            <Shell>
              <Pages />
            </Shell>
          </WhoIAm>
        </Titles>
      </SignedIn>
    </Messages>
  );
}
