import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Spinner from '@cloudscape-design/components/spinner';
import { useEffect, useState, type ReactNode } from 'react';
import { useAuth } from 'react-oidc-context';
import { useToken } from '../api/client';

const RETRY_MS = 15_000;

/** Leads to the sign-in and, after it, back to where one was. A renewal that fails takes nothing away that is on the page. */
export function SignedIn({ children }: { children: ReactNode }) {
  const auth = useAuth();
  const [wasIn, setWasIn] = useState(false);
  const [expired, setExpired] = useState(false); // `isAuthenticated` is as of the last sign-in: it stays when the token's time is up
  if (auth.isAuthenticated && !wasIn) setWasIn(true);
  const out = !wasIn && !auth.isLoading && !auth.isAuthenticated && !auth.activeNavigator && !auth.error;
  const here = () => ({ state: window.location.pathname + window.location.search, nonce: crypto.randomUUID() });
  useEffect(() => {
    if (out) void auth.signinRedirect(here());
  }, [out, auth]);
  const { events } = auth;
  useEffect(() => events.addAccessTokenExpired(() => setExpired(true)), [events]);
  useEffect(() => events.addUserLoaded(() => setExpired(false)), [events]);
  const lost = wasIn && (expired || !auth.isAuthenticated);
  useEffect(() => {
    if (!lost) return;
    const again = setInterval(() => void auth.signinSilent().catch(() => null), RETRY_MS);
    return () => clearInterval(again);
  }, [lost, auth]);
  useToken(auth.user?.id_token);
  if (auth.error && !wasIn) return <Box padding="xl">You could not be signed in ({auth.error.message}). <a href="/">Try again</a></Box>;
  const returning = window.location.pathname === '/signed-in'; // about to be led on to where one was
  if (!wasIn || returning) return <Box padding="xl"><Spinner /> Signing you in…</Box>;
  return (
    <>
      {lost && (
        <Alert type="warning" header="Your sign-in has ended" action={<Button onClick={() => void auth.signinRedirect(here())}>Sign in again</Button>}>
          What you typed is still here. The portal is trying to renew your sign-in. Signing in again leaves this page.
        </Alert>
      )}
      {children}
    </>
  );
}
