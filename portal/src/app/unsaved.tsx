import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState } from 'react';
import { guardPage } from './guardPage';

/** Asks before typed changes are left behind. `release()` before the way is led on after a save. */
export function useUnsaved(dirty: boolean) {
  const free = useRef(false);
  const [leave, setLeave] = useState<(() => void) | null>(null); // where to, while it is asked
  useEffect(() => {
    if (!dirty) return;
    free.current = false;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    guardPage(go => { if (free.current) go(); else setLeave(() => go); });
    return () => { window.removeEventListener('beforeunload', ask); guardPage(null); };
  }, [dirty]);
  const question = leave && (
    <Modal visible onDismiss={() => setLeave(null)} header="Leave without saving?"
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={() => setLeave(null)}>Stay</Button>
        <Button formAction="none" variant="primary" onClick={() => { setLeave(null); leave(); }}>Leave without saving</Button></SpaceBetween></Box>}>
      What you have changed on this page is not saved yet.
    </Modal>
  );
  return { question, release: () => { free.current = true; } };
}
