"""What a Kubernetes cluster wants and what runs in it, told as it changes.

    API server ──list, watch──► objects ──► picture ──differences──► documents ──► spool ──► server
      api        following      reading     picture    telling       document      spool     sending
                                cluster

Everything from ``reading`` to ``document`` is pure: objects in, bytes out, no clock and no disk.
"""
