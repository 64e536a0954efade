import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { WebStorageStateStore } from 'oidc-client-ts';
import { AuthProvider } from 'react-oidc-context';
import { BrowserRouter, Route, Routes } from 'react-router';
import { FailedRequest } from '../api/client';
import { LostArrivalsPage } from '../features/arrivals/LostArrivalsPage';
import { SanityPage } from '../features/explain/SanityPage';
import { TracePage } from '../features/explain/TracePage';
import { GroupFormPage } from '../features/groups/GroupFormPage';
import { GroupsPage } from '../features/groups/GroupsPage';
import { SelectivePage } from '../features/selective/SelectivePage';
import { StatusPage } from '../features/status/StatusPage';
import { FullSyncPage } from '../features/upload/FullSyncPage';
import { ConfigContext } from './ConfigContext';
import { Messages } from './messages';
import { Shell } from './Shell';
import { SignedIn } from './SignedIn';
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
          <BrowserRouter>
            <Messages>
              <SignedIn>
                <Shell>
                  <Routes>
                    <Route path="/" element={<GroupsPage />} />
                    <Route path="/groups/new" element={<GroupFormPage />} />
                    <Route path="/groups/:groupId" element={<GroupFormPage />} />
                    <Route path="/groups/:groupId/sync" element={<FullSyncPage />} />
                    <Route path="/groups/:groupId/selective" element={<SelectivePage />} />
                    <Route path="/groups/:groupId/status" element={<StatusPage />} />
                    <Route path="/arrivals" element={<LostArrivalsPage />} />
                    <Route path="/groups/:groupId/trace" element={<TracePage />} />
                    <Route path="/groups/:groupId/syncs/:syncId/sanity" element={<SanityPage />} />
                    <Route path="*" element={<GroupsPage />} />
                  </Routes>
                </Shell>
              </SignedIn>
            </Messages>
          </BrowserRouter>
        </QueryClientProvider>
      </AuthProvider>
    </ConfigContext.Provider>
  );
}
