"""Makes a school district's OneRoster ZIP from a checkout; an installed `oneroster sample` does the same.

python samples/district.py --shape S --version 1.2 --problems --out district.zip
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # of a script Python puts the script's own folder there

from oneroster_engine.sample_district import main

if __name__ == "__main__":
    main()
