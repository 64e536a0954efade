import Spinner from '@cloudscape-design/components/spinner';
import Box from '@cloudscape-design/components/box';
import { useEffect, type ReactNode } from 'react';
import { useAuth } from 'react-oidc-context';
import { useToken } from '../api/client';

/** Leads to the sign-in and, after it, back to where one was. */
export function SignedIn({ children }: { children: ReactNode }) {
  const auth = useAuth();
  const out = !auth.isLoading && !auth.isAuthenticated && !auth.activeNavigator && !auth.error;
  useEffect(() => {
    if (out) void auth.signinRedirect({ state: window.location.pathname + window.location.search });
  }, [out, auth]);
  useToken(auth.user?.id_token);
  if (auth.error) return <Box padding="xl">You could not be signed in ({auth.error.message}). <a href="/">Try again</a></Box>;
  const returning = window.location.pathname === '/signed-in'; // about to be led on to where one was
  if (!auth.isAuthenticated || returning) return <Box padding="xl"><Spinner /> Signing you in…</Box>;
  return children;
}
