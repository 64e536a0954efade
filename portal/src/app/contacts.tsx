import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import { useState, type ReactNode } from 'react';
import { useMe } from './role';

/** Whether people’s contact details are asked for: the API masks them for a viewer, and the audit says who had them shown. */
export interface Contacts { hidden: boolean; show: { show?: true }; ask: () => void }

export function useContacts(): Contacts {
  const { role } = useMe();
  const [asked, setAsked] = useState(false);
  return { hidden: role === 'viewer' && !asked, show: asked ? { show: true } : {}, ask: () => setAsked(true) };
}

const MASK = '•••'; // as the API has it

/** A button that shows what is masked; nothing for whoever sees it anyway, or where nothing of the answer `of` is masked, nor until it has come. */
export function ShowContacts(props: { contacts: Contacts; of?: unknown; children?: ReactNode }) {
  const { contacts, of, children } = props;
  if (!contacts.hidden || ('of' in props && !JSON.stringify(of ?? '').includes(MASK))) return null;
  return <Box>{children} <Button variant="inline-link" onClick={contacts.ask}>Show contact details</Button> <Box variant="small" display="inline">The audit will show that you looked.</Box></Box>;
}
