"""What every page changes of Streamlit's frame: the stage is the page, so nothing stands around it."""

FRAME = """
<style>
  [data-testid="stMainBlockContainer"] { padding: 0.75rem 1.5rem 1.5rem; max-width: none; }
  /* With one page the header is empty: it keeps no room and catches no pointer, but its menu still opens. */
  [data-testid="stHeader"] { height: 0; min-height: 0; background: transparent; pointer-events: none; }
  [data-testid="stHeader"] button, [data-testid="stHeader"] a { pointer-events: auto; }
  [data-testid="stDecoration"], footer { display: none; }
  /* Nothing moves when the lens's chart comes: its room and the scrollbar's are kept. Nothing fades during a rerun. */
  [data-testid="stMain"] { scrollbar-gutter: stable; }
  .st-key-theta-over-training { min-height: 260px; } /* charts.HEIGHT */
  /* The playheads lie over the chart of theta, and no click ends at them. */
  .st-key-trajectory-chart { position: relative; }
  .st-key-trajectory-chart > div:has(.playheads) { position: absolute; inset: 0; z-index: 1; pointer-events: none; }
  [data-testid="stElementContainer"] { opacity: 1 !important; transition: none !important; }
  /* A rerun takes a tenth of a second: no running figure flashes over the stage for it. Lost connections show. */
  [data-testid="stStatusWidget"]:has([data-testid^="stStatusWidgetRunning"]) { visibility: hidden; }
  @media (max-width: 600px) { [data-testid="stMainBlockContainer"] { padding: 0.5rem 0.75rem 1rem; } }
</style>
"""
