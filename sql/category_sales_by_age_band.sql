-- title: 연령대별 카테고리 판매량
-- description: 연령대와 상위 카테고리별 판매 수량과 매출. 취소와 환불은 뺀다.
-- chart: bar x=age_band y=quantity series=category
WITH product_category AS (
    SELECT
        p.product_id,
        COALESCE(parent.name, c.name) AS category
    FROM products p
    JOIN categories c ON c.category_id = p.category_id
    LEFT JOIN categories parent ON parent.category_id = c.parent_id
)
SELECT
    u.age_band,
    pc.category,
    SUM(i.quantity) AS quantity,
    SUM(i.quantity * i.unit_price) AS revenue
FROM orders o
JOIN users u ON u.user_id = o.user_id
JOIN order_items i ON i.order_id = o.order_id
JOIN product_category pc ON pc.product_id = i.product_id
WHERE o.status NOT IN ('cancelled', 'refunded')
GROUP BY u.age_band, pc.category
ORDER BY u.age_band, quantity DESC, pc.category
