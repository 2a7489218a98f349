-- title: Customers by district
-- description: Orders and people of each district: the first three digits of the postcode.
-- param: at_least bigint = 10  -- only districts with this many people
SELECT
    c.zip_prefix,
    c.customer_state,
    COUNT(*) AS orders,
    COUNT(DISTINCT c.customer_unique_id) AS people
FROM customers c
GROUP BY c.zip_prefix, c.customer_state
HAVING COUNT(DISTINCT c.customer_unique_id) >= :at_least
ORDER BY orders DESC, c.zip_prefix, c.customer_state
