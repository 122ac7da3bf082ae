-- Objects of SDSS with a spectrum around a place: redshift, kind of spectrum, photometry, and flags of point sources.
-- {ra}, {dec} in degrees, {radius} in arcmin. Each request adds a range of N.distance at the end.
SELECT
  P.objID, S.specObjID, S.ra, S.dec, N.distance AS distance_arcmin,
  S.z AS z_spec, S.zErr AS z_spec_err, S.zWarning, S.class AS spec_class, S.subClass,
  P.type, P.probPSF, P.psfMag_r, P.cModelMag_r, P.petroMag_r,
  P.modelMag_g, P.modelMag_r, P.modelMag_i, P.modelMag_z
FROM dbo.fGetNearbySpecObjEq({ra}, {dec}, {radius}) AS N
  JOIN SpecObj AS S ON S.specObjID = N.specObjID
  JOIN PhotoObj AS P ON P.objID = S.bestObjID
WHERE S.zWarning = 0
