import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Spinner from '@cloudscape-design/components/spinner';
import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, type ReactNode } from 'react';
import { data, useApi, type Schemas } from '../api/client';
import { Problem } from './Problem';
import { useTitle } from './title';

export type Me = Schemas['Me'];
type Role = Me['role'];
export const ROLE_NAMES: Record<Role, string> = { viewer: 'Viewer', operator: 'Operator', admin: 'Administrator' };
const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
const MeContext = createContext<Me | null>(null);

/** Who is signed in, as the API says it. Nothing is shown before that is known, so that nothing is offered and then taken away. */
export function WhoIAm({ children }: { children: ReactNode }) {
  const api = useApi();
  const { data: me, error, refetch } = useQuery({ queryKey: ['me'], queryFn: () => data(api.GET('/me')), staleTime: Infinity });
  if (error && !me) return <Problem error={error} onRetry={() => void refetch()} />;
  return me ? <MeContext.Provider value={me}>{children}</MeContext.Provider> : <Box padding="xl"><Spinner /> Loading…</Box>;
}

export function useMe(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error('nobody is signed in');
  return me;
}

/** What a button or a menu's entry needs so that it isn't offered to somebody whose role doesn't reach: `{...may('admin')}`. */
export function useMay(): (role: Role) => { disabled?: true; disabledReason?: string } {
  const { role: mine } = useMe();
  return role => (ROLES.indexOf(mine) >= ROLES.indexOf(role) ? {} : { disabled: true, disabledReason: needs(role, mine) });
}

/** A page that one may not use says so instead of failing at its last button. */
export function For({ role, children }: { role: Role; children: ReactNode }) {
  const { role: mine } = useMe();
  return useMay()(role).disabled ? <Denied>{needs(role, mine)} Ask an administrator to do this, or to change your role.</Denied> : children;
}

const needs = (role: Role, mine: Role) => `This needs the role ${ROLE_NAMES[role]}; yours is ${ROLE_NAMES[mine]}.`;

function Denied({ children }: { children: ReactNode }) {
  useTitle('No access');
  return <Alert type="info" header={<h1 className="alert-title">You don’t have access to this page</h1>}>{children}</Alert>;
}
