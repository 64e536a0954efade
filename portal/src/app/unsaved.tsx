import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef } from 'react';
import { useBlocker } from 'react-router';

/** Asks before typed changes are left behind. `release()` before the way is led on after a save. */
export function useUnsaved(dirty: boolean) {
  const free = useRef(false);
  const blocker = useBlocker(({ currentLocation, nextLocation }) => dirty && !free.current && currentLocation.pathname !== nextLocation.pathname);
  useEffect(() => {
    if (!dirty) return;
    free.current = false;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [dirty]);
  const question = blocker.state === 'blocked' && (
    <Modal visible onDismiss={() => blocker.reset()} header="Leave without saving?"
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={() => blocker.reset()}>Stay</Button>
        <Button formAction="none" variant="primary" onClick={() => blocker.proceed()}>Leave without saving</Button></SpaceBetween></Box>}>
      What you have changed on this page is not saved yet.
    </Modal>
  );
  return { question, release: () => { free.current = true; } };
}
