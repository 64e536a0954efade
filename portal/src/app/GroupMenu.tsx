import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import { useNavigate } from 'react-router';
import type { Schemas } from '../api/client';
import { useMay } from './role';
import { METHODS } from './words';

/** The three things one does with a group, under the names that admins know. */
export function GroupMenu({ group, variant }: { group: Schemas['GroupOut']; variant: 'primary' | 'normal' }) {
  const navigate = useNavigate();
  const may = useMay();
  const method = METHODS[group.source.method];
  const items = [
    { id: 'sync', text: `Sync all data – ${method}`, ...may('operator') },
    { id: 'selective', text: 'Selective sync', ...may('operator') },
    { id: 'status', text: 'Check last sync status' },
  ];
  return (
    <ButtonDropdown
      variant={variant}
      expandToViewport
      ariaLabel={`Actions of ${group.name}`}
      items={items}
      onItemClick={({ detail }) => void navigate(`/groups/${group.groupId}/${detail.id}`, { state: detail.id === 'selective' && group.source.method !== 'zip' ? { atOnce: true } : null })}
    >
      Actions
    </ButtonDropdown>
  );
}
